package dev.taskpool.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.taskpool.model.Problem;
import java.net.InetAddress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DestinationsTest {
    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, false",
        "10.1.2.3, false",
        "172.16.0.1, false",
        "192.168.1.1, false",
        "169.254.169.254, false",
        "100.64.0.1, false",
        "0.0.0.0, false",
        "224.0.0.1, false",
        "255.255.255.255, false",
        "198.18.0.1, false",
        "192.0.0.8, false",
        "192.0.2.1, false",
        "198.51.100.1, false",
        "203.0.113.1, false",
        "::1, false",
        "fe80::1, false",
        "fc00::1, false",
        "::ffff:10.0.0.1, false",
        "64:ff9b::a00:1, false",
        "::10.0.0.1, false",
        "2002:a00:1::, false",
        "2001:db8::1, false",
        "2001::1, false",
        "ff02::1, false",
        "8.8.8.8, true",
        "::ffff:8.8.8.8, true",
        "203.0.114.1, true",
        "2606:4700:4700::1111, true"
    })
    void onlyPublicAddressesArePublic(String address, boolean isPublic) {
        assertThat(Destinations.isPublic(InetAddress.ofLiteral(address))).isEqualTo(isPublic);
    }

    @Test
    void hostsAreAllowedByNameOrSuffix() {
        Destinations destinations = new Destinations(List.of("a.org", "*.b.org"), false);
        destinations.check("https://a.org/x", "/u");
        destinations.check("https://c.B.org:8443/x?y=1", "/u");
        for (String wrong : List.of(
                "https://b.org/",
                "https://xa.org/",
                "https://a.org.evil.com/",
                "https://u@a.org/",
                "https://a.org@evil.com/",
                "https://a.org#@evil.com/",
                "https://a.org:99999/",
                "https://a.org:0/",
                "https://" + "a".repeat(250) + ".b.org/")) {
            assertThatThrownBy(() -> destinations.check(wrong, "/u")).isInstanceOf(Problem.class);
        }
    }
}
