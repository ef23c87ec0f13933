/** Tests that speak HTTP to a started service, with a real H2 file. Every answer is held against the contract. */
@org.jspecify.annotations.NullMarked
package dev.taskpool.acceptance;
