package dev.taskpool.process;

import java.security.SecureRandom;

class PlainSpawnerTest extends SpawnerContract {
    @Override
    Spawner spawner() {
        return new PlainSpawner(new SecureRandom());
    }
}
