package demo

// clinic is an invented account: nobody works or is treated here.
type clinic struct {
	name     string
	areaCode string
	doctors  []string
}

var clinics = []clinic{
	{"Clínica Boa Viagem", "81", []string{
		"Dra. Helena Cavalcanti", "Dr. Rafael Monteiro", "Dra. Lívia Albuquerque", "Dr. Otávio Lins", "Dra. Camila Feitosa",
	}},
	{"Clínica Paulista", "11", []string{
		"Dr. Bruno Nakamura", "Dra. Mariana Prado", "Dr. Caio Bittencourt", "Dra. Yasmin Haddad", "Dra. Beatriz Sampaio",
	}},
	{"Centro Médico Savassi", "31", []string{
		"Dra. Paula Drummond", "Dr. Henrique Sales", "Dra. Aline Guimarães", "Dr. Tiago Alvarenga", "Dra. Renata Couto",
	}},
}

var givenNames = []string{
	"Ana Clara", "Antônio", "Aparecida", "Arthur", "Bernardo", "Bianca", "Caetano", "Carolina", "Cecília", "Conceição",
	"Davi", "Débora", "Edson", "Eduarda", "Elisa", "Fátima", "Fernanda", "Flávio", "Francisca", "Gabriel",
	"Geraldo", "Gustavo", "Heitor", "Iara", "Inês", "Isabela", "Jandira", "João Pedro", "Jorge", "José Carlos",
	"Júlia", "Larissa", "Laura", "Leonardo", "Lorena", "Lúcia", "Luiz Felipe", "Manuela", "Marcelo", "Maria Eduarda",
	"Maria José", "Mateus", "Miguel", "Moacir", "Natália", "Neusa", "Nicolas", "Osvaldo", "Patrícia", "Pedro",
	"Raimundo", "Raquel", "Regina", "Rodrigo", "Rosângela", "Sebastião", "Severina", "Sônia", "Sofia", "Tainá",
	"Tereza", "Valentina", "Vera Lúcia", "Vicente", "Vinícius", "Wanderley", "Zélia",
}

var familyNames = []string{
	"Albuquerque", "Almeida", "Amaral", "Andrade", "Araújo", "Assunção", "Barbosa", "Barros", "Batista", "Brandão",
	"Cardoso", "Carvalho", "Coelho", "Correia", "Costa", "Cunha", "Dantas", "Dias", "Farias", "Fernandes",
	"Ferreira", "Fonseca", "Freitas", "Gomes", "Gonçalves", "Lima", "Lopes", "Macedo", "Magalhães", "Marinho",
	"Martins", "Medeiros", "Melo", "Mendonça", "Moraes", "Moreira", "Nascimento", "Nogueira", "Oliveira", "Pacheco",
	"Peixoto", "Pereira", "Pimentel", "Pinheiro", "Queiroz", "Ramos", "Rezende", "Ribeiro", "Rocha", "Sá",
	"Santana", "Santos", "Silva", "Siqueira", "Souza", "Tavares", "Teixeira", "Uchôa", "Vasconcelos", "Xavier",
}

var procedures = []struct{ name, price string }{
	{"Consulta", "280"},
	{"Consulta de retorno", "0"},
	{"Ultrassom: Tireoide", "100"},
	{"Ultrassom: Abdome total", "190"},
	{"Ultrassom: Obstétrico", "220"},
	{"Ultrassom: Mamas", "165.5"},
	{"Doppler: Carótidas", "310"},
	{"Ecocardiograma", "345.9"},
	{"Eletrocardiograma", "79.9"},
	{"Raio-X: Tórax", "85"},
	{"Raio-X: Coluna lombar", "112.5"},
	{"Mamografia digital", "240"},
	{"Densitometria óssea", "175"},
	{"Tomografia: Crânio", "520"},
	{"Ressonância: Joelho", "780"},
	{"Espirometria", "130"},
	{"Teste ergométrico", "265"},
	{"Coleta de exames", "35"},
}

var remarks = []string{
	"Primeira vez na clínica.",
	"Prefere ser chamado pelo segundo nome.",
	"Chegar 15 minutos antes para o preparo.",
	"Trazer exames anteriores.",
	"Usa cadeira de rodas; sala do térreo.",
	"Jejum de 8 horas.",
	"Encaixe pedido pelo médico.",
}
