/*
 * As much of Arduino's API as the library and its example take: a stand-in for a core, since
 * Arduino's own is not there in tests. For the chip of the Nano 33 BLE; core.cpp.
 */
#ifndef Arduino_h
#define Arduino_h

#include <stddef.h>
#include <stdint.h>

class Print {
  public:
    virtual size_t write(uint8_t byte) = 0;
    virtual size_t write(const uint8_t *bytes, size_t size) = 0;
    virtual void flush() = 0;
};

class Stream : public Print {
  public:
    virtual int available() = 0;
    virtual int read() = 0;
    virtual int peek() = 0;
};

class UART : public Stream {
  public:
    void begin(unsigned long baud);
    size_t write(uint8_t byte) override;
    size_t write(const uint8_t *bytes, size_t size) override;
    void flush() override;
    int available() override;
    int read() override;
    int peek() override;
};

extern UART Serial1;

unsigned long micros();
unsigned long millis();
void setup();
void loop();

#endif
