/*
 * Gives a parser what comes on standard input, where there is no libFuzzer: any number of a
 * u32 size (this machine's) and so many bytes. Answers each with what the device sent, likewise.
 */
#include "fuzz.h"

static int get(void *data, size_t size) {
    return fread(data, 1, size, stdin) == size;
}

int main(void) {
    uint32_t size;
    while (get(&size, sizeof(size))) {
        uint8_t *line = malloc(size); /* exactly: the sanitizer sees a read beyond it */
        CHECK(line != NULL || size == 0U);
        CHECK(get(line, size));
        (void)LLVMFuzzerTestOneInput(line, size);
        free(line);
        uint32_t answered = (uint32_t)sent_size;
        CHECK(fwrite(&answered, sizeof(answered), 1, stdout) == 1U);
        CHECK(fwrite(sent, 1, sent_size, stdout) == sent_size);
        CHECK(fflush(stdout) == 0);
    }
    return 0;
}
