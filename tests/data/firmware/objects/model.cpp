/* The model of ../pasted in C++: an object that a static constructor makes, and, with exceptions,
 * one that is thrown. */
#include <stdint.h>

#include "link.h"

namespace {

class Table {
  public:
    explicit Table(volatile int begin) {
        for (int i = 0; i < 256; i++) {
            values[i] = static_cast<int8_t>(begin + i);
        }
    }
    int8_t operator[](uint8_t index) const {
#ifdef __cpp_exceptions
        if (index == 100U) {
            throw values[index];
        }
#endif
        return values[index];
    }

  private:
    int8_t values[256];
};

const Table table(0);

int8_t looked_up(uint8_t index) {
#ifdef __cpp_exceptions
    try {
        return table[index];
    } catch (int8_t value) {
        return value;
    }
#else
    return table[index];
#endif
}

} // namespace

extern "C" void copy(const int8_t *from, int8_t *to, uint32_t size);

void copy(const int8_t *from, int8_t *to, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        to[i] = looked_up(static_cast<uint8_t>(from[i]));
    }
}
