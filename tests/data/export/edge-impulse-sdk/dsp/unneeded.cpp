/*
 * A stand-in for tests: a source that nothing needs. It compiles on no computer of ours.
 */
#error "only sources that are needed are compiled"

float quietest(const float *values, int count) {
    return values[count - 1];
}
