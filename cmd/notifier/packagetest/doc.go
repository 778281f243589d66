// Package packagetest tries what deploy/ makes and describes where it will be used, as far as one machine allows: packages in a Debian with
// systemd as its first process, the chart with helm, the workflows with actionlint. It takes minutes, compilers and the network, and needs
// root: therefore its tests have the build tag `packages`, `make package-test` runs them, and `make test` does not. What can be held to the
// code by reading alone is in deploytest.
package packagetest
