// Package deploy holds what puts Grapevine into containers: the image of the
// worker, and the tests that hold docker-compose.yml to the compose
// specification and to the worker's own settings.
package deploy
