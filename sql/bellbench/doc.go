// Command bellbench measures what the capture trigger and the bell cost the clinic's writers, and how soon
// the bell is heard, for the installed bell and for the other ways to ring that were considered.
//
//	go run ./sql/bellbench               the tables of sql/README.md, in about eight minutes
//	go run ./sql/bellbench -fill-queue   fills the NOTIFY queue (8 GB of disk, two minutes) and shows that the clinic still commits
//
// It runs a private PostgreSQL with fsync on. Take the ratios, not the numbers: all variants of a row are
// measured one after the other, again and again, and the medians are compared.
package main
