package sql

import "github.com/jackc/pgx/v5"

// Migrations are the names of the migrations that this programme knows, in their order; each begins with its version.
func Migrations() ([]string, error) {
	all, err := rendering{names: DefaultNames()}.migrations() // only what they are called is of interest
	if err != nil {
		return nil, err
	}
	known := make([]string, len(all))
	for i, migration := range all {
		known[i] = migration.name
	}
	return known, nil
}

// TableName takes a table's name apart as the migrations do: its schema and its own name, unquoted. The second is empty where the
// clinic has no such table.
func (n Names) TableName(key string) (schema, name string) {
	if n.Tables[key] == "" {
		return "", ""
	}
	parts := splitTable(n.Tables[key])
	return parts[0], parts[1]
}

// Quoted is a name as SQL takes it whatever is in it.
func Quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
