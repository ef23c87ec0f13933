/** The store on real files: what survives a kill, an older database, and much of everything. */
@org.jspecify.annotations.NullMarked
package dev.taskpool.store;
