// Package inspect looks at an installation in its database as a DBA would, with the rights of the runtime role alone, and
// says what is wrong and how to mend it. It only reads.
//
// What it knows it takes from the catalog and from what `notifier migrate` has noted in notifier.setting, so a clinic
// with other table, column and role names is judged by its own. Each statement is in a .sql file that a DBA can run.
//
// A finding never holds what the clinic's rows hold, nor the text of an error that the clinic's own view or trigger
// raised, which may quote a patient: such an error is named by its SQLSTATE.
package inspect
