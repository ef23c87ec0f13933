package dev.taskpool.http;

import dev.taskpool.model.Problem;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What is wrong with some of many submissions. */
final class Refusals {
    private static final String ITEMS = "/items/";

    private Refusals() {}

    /** Returns a problem of each item that has one; empty where something is wrong with the request as a whole. */
    static Map<Integer, Problem> byItem(Problem all) {
        Map<Integer, List<Problem.FieldError>> errors = new LinkedHashMap<>();
        for (Problem.FieldError error : all.errors()) {
            int index = index(error.pointer());
            if (index < 0) {
                return Map.of();
            }
            errors.computeIfAbsent(index, k -> new ArrayList<>()).add(error);
        }
        Map<Integer, Problem> problems = new LinkedHashMap<>();
        errors.forEach((index, wrong) -> problems.put(index, Problem.fields(all.code(), wrong)));
        return problems;
    }

    private static int index(String pointer) {
        if (!pointer.startsWith(ITEMS)) {
            return -1;
        }
        int end = pointer.indexOf('/', ITEMS.length());
        String number = pointer.substring(ITEMS.length(), end < 0 ? pointer.length() : end);
        return number.chars().allMatch(c -> c >= '0' && c <= '9') && !number.isEmpty() ? Integer.parseInt(number) : -1;
    }

    /** Returns the problem with so many errors at most. */
    static Problem firstOf(Problem all, int most) {
        return all.errors().size() <= most
                ? all
                : Problem.fields(all.code(), all.errors().subList(0, most));
    }

    /** Returns a problem of one argument list in words of the request, which has one of everything else. */
    static Problem ofMap(Problem problem, String at) {
        if (problem.errors().isEmpty()) {
            return problem;
        }
        return Problem.fields(
                problem.code(),
                problem.errors().stream()
                        .map(e -> new Problem.FieldError(pointer(e.pointer(), at), e.detail()))
                        .toList());
    }

    private static String pointer(String pointer, String at) {
        String own = pointer.startsWith(at) ? pointer.substring(at.length()) : pointer;
        return own.startsWith("/args") ? at + own.substring("/args".length()) : own;
    }
}
