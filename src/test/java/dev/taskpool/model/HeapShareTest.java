package dev.taskpool.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HeapShareTest {
    private static final long MIB = 1 << 20;

    @Test
    void smallHeapsHaveLess() {
        assertThat(HeapShare.of(48 * MIB, 4096 * MIB)).isEqualTo(48 * MIB);
        assertThat(HeapShare.of(48 * MIB, 480 * MIB)).isEqualTo(48 * MIB);
        assertThat(HeapShare.of(48 * MIB, 256 * MIB)).isEqualTo(20 * MIB);
        assertThat(HeapShare.of(48 * MIB, 64 * MIB)).isEqualTo(3 * MIB);
    }
}
