package dev.taskpool.model;

/** What became of a task. Never changes once it stands. */
public sealed interface Outcome {
    /** Returns the final state that goes with it. */
    TaskState state();

    /**
     * It returned.
     *
     * @param result any JSON value, {@code null} included
     */
    record Succeeded(Json result) implements Outcome {
        @Override
        public TaskState state() {
            return TaskState.SUCCEEDED;
        }
    }

    /** It did not return, or not in time, or was never started. */
    record Failed(Failure failure) implements Outcome {
        @Override
        public TaskState state() {
            return TaskState.FAILED;
        }
    }

    /** It was taken back before it ended. */
    record Cancelled() implements Outcome {
        @Override
        public TaskState state() {
            return TaskState.CANCELLED;
        }
    }
}
