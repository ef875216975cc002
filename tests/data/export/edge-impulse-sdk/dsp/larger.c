/*
 * A stand-in for tests: C that C++ calls.
 */
float larger(float one, float other);

float larger(float one, float other) {
    return one > other ? one : other;
}
