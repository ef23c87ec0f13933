/** The contract's own rules, and that it and the routes are the same. */
@org.jspecify.annotations.NullMarked
package dev.taskpool.contract;
