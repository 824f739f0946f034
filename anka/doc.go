// Package anka is the room for the second cloud: Anka Build Cloud, whose nodes
// are macOS virtual machines that run CI jobs. It will hold a typed client of
// the controller's REST API and the provider that turns it into what package
// loop asks of a cloud.
//
// The client is not here yet: the package holds this text only, and no
// configuration can select it.
package anka
