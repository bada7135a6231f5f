// Package rules holds random sets of rules (schedules, hours, holidays, caps) against both
// wings and against walkers that share no code with the planner. It is made of tests only;
// nothing imports it. What it draws takes no real time and no service, so that it is not
// beside the walks of the house in e2e.
package rules
