package dev.taskpool.engine;

/** Something that happened or was asked for, decided by the engine's thread. */
interface Command {
    /**
     * Decides, and adds what follows to the transaction.
     *
     * @throws dev.taskpool.model.Problem where it cannot be done; then it has changed nothing
     */
    void decide(Transaction tx);

    /** It was not done: the reason came from deciding, or the batch could not be made durable. */
    default void refused(RuntimeException reason) {}

    /** Returns whether it happened already and has to be decided sooner or later, however long the store is away. */
    default boolean fact() {
        return false;
    }
}
