# What all STM32 ports share. The port.cmake of a family sets the facts of the family and then includes
# this file, which chooses those of the target's options for port.c:
#
#   STM32_HZ              frequency of the core and the buses in Hz, after STM32_START
#   STM32_START           what is written first; a step is set:ADDRESS:MASK:VALUE, or wait:... with the
#                         same, which waits until the bits have the value
#   STM32_START_PORT_G    optional: the same, if a pin of port G is used
#   STM32_GPIO            moder or crl (the registers of the pins), base of port A, the RCC register
#                         that clocks the ports, and the bit of port A in it
#   STM32_TIMERS          the timers with 32 bits: tim2,tim5 or tim2 or none
#   STM32_TIMERS_ENABLE   the RCC register that clocks TIM2 (bit 0) and TIM5 (bit 3)
#   STM32_<UART>          for each UART: v1, v2 or lpuart (its registers), its base, the RCC register
#                         that clocks it, its bit there, its interrupt
#   STM32_<UART>_TX, _RX  its pins with their alternate functions, as PA9:7; the first is the default
#   STM32_<UART>_REMAP    with crl: the lowest bit and the width of its field in AFIO_MAPR; the number
#                         after a pin is a value of that field

set(BAUD 115200 CACHE STRING "bits per second")
set(UART usart1 CACHE STRING "A USART, UART or LPUART of the family")
set(TX "" CACHE STRING "Its TX pin, as PA2; or a pin with its alternate function, as PA2:7")
set(RX "" CACHE STRING "Its RX pin")
set(TRIGGER PB0 CACHE STRING "The pin that is high during an inference")
set(TIMERS ${STM32_TIMERS} CACHE STRING "The chip's timers with 32 bits: tim2,tim5 or tim2 or none")
set(PORT_IS_CORTEXM TRUE)
set(PORT_SOURCES ${CMAKE_CURRENT_LIST_DIR}/port.c)
set(PORT_DEFINITIONS)

# Ends with an error about an option. The harness shows it with the target file and the key. The
# spaces at the start keep CMake from breaking the lines.
function(stm32_error option what remedy)
    message(FATAL_ERROR " ${option}: ${what}\n -> ${remedy}")
endfunction()

# Sets <role>_GPIO (the port's number: A is 0), <role>_PIN and <role>_AF from `text`, like PA9:7.
function(stm32_pin role text)
    if(NOT text MATCHES "^P([A-K])([0-9]|1[0-5])(:([0-9]|1[0-5]))?$")
        stm32_error(${role} "'${text}' is not a pin" "write it as PA9, or as PA9:7")
    endif()
    string(FIND ABCDEFGHIJK ${CMAKE_MATCH_1} gpio)
    set(${role}_GPIO ${gpio} PARENT_SCOPE)
    set(${role}_PIN ${CMAKE_MATCH_2} PARENT_SCOPE)
    set(${role}_AF ${CMAKE_MATCH_4} PARENT_SCOPE)
endfunction()

# Sets <role>_TEXT to the option `role` with its alternate function, from the UART's pins `known`.
function(stm32_choose role known)
    set(names ${known})
    list(TRANSFORM names REPLACE ":.*" "")
    list(FIND names "${${role}}" index)
    if("${${role}}" STREQUAL "")
        set(index 0)
    endif()
    if(index GREATER -1)
        list(GET known ${index} text)
    else()
        set(text ${${role}})
        stm32_pin(${role} ${text})
        if(NOT text MATCHES ":")
            list(JOIN names ", " names)
            stm32_error(${role} "${text} is not known as ${role} of ${UART}"
                "known: ${names}; for another pin add its alternate function, like ${text}:7")
        endif()
    endif()
    set(${role}_TEXT ${text} PARENT_SCOPE)
endfunction()

# ---- The UART ----

get_cmake_property(uarts VARIABLES)
list(FILTER uarts INCLUDE REGEX "^STM32_[A-Z]+[0-9]+$")
list(TRANSFORM uarts REPLACE "^STM32_" "")
list(TRANSFORM uarts TOLOWER)
list(SORT uarts COMPARE NATURAL)
if(NOT UART IN_LIST uarts)
    list(JOIN uarts ", " uarts)
    stm32_error(UART "there is no '${UART}' in this family" "known: ${uarts}")
endif()
string(TOUPPER STM32_${UART} uart)
list(GET ${uart} 0 usart_registers)
list(GET ${uart} 1 usart_base)
list(GET ${uart} 2 usart_enable)
list(GET ${uart} 3 usart_bit)
list(GET ${uart} 4 usart_interrupt)
if(usart_registers STREQUAL v1)
    list(APPEND PORT_DEFINITIONS USART_V1)
endif()

# BRR: RM0090, USART, "Fractional baud rate generation", with oversampling by 16.
set(brr_unit 1)
set(brr_least 16)
set(brr_most 0xFFFF)
if(usart_registers STREQUAL lpuart) # RM0351, LPUART, "LPUART baud rate generation"
    set(brr_unit 256)
    set(brr_least 0x300)
    set(brr_most 0xFFFFF)
endif()
if(NOT BAUD MATCHES "^[1-9][0-9]*$")
    stm32_error(BAUD "'${BAUD}' is not a number of bits per second" "write it as 115200")
endif()
math(EXPR brr "(${brr_unit} * ${STM32_HZ} + ${BAUD} / 2) / ${BAUD}")
math(EXPR baud_least "${brr_unit} * ${STM32_HZ} / ${brr_most} + 1")
math(EXPR baud_most "${brr_unit} * ${STM32_HZ} / ${brr_least}")
if(BAUD LESS baud_least OR BAUD GREATER baud_most)
    stm32_error(BAUD "${UART} cannot do ${BAUD} bit/s with its clock of ${STM32_HZ} Hz"
        "choose a rate from ${baud_least} to ${baud_most}")
endif()

# ---- The pins ----

list(GET STM32_GPIO 0 gpio_registers)
list(GET STM32_GPIO 1 gpio_base)
list(GET STM32_GPIO 2 gpio_enable)
list(GET STM32_GPIO 3 gpio_bit)
stm32_choose(TX "${${uart}_TX}")
stm32_choose(RX "${${uart}_RX}")
set(TRIGGER_TEXT ${TRIGGER})
set(gpio_bits 0)
set(start ${STM32_START})
foreach(role TX RX TRIGGER)
    stm32_pin(${role} "${${role}_TEXT}")
    math(EXPR port "${gpio_base} + 0x400 * ${${role}_GPIO}" OUTPUT_FORMAT HEXADECIMAL)
    math(EXPR gpio_bits "${gpio_bits} | 1 << (${gpio_bit} + ${${role}_GPIO})"
        OUTPUT_FORMAT HEXADECIMAL)
    list(APPEND PORT_DEFINITIONS GPIO_${role}=${port}U PIN_${role}=${${role}_PIN}U)
    if("${${role}_TEXT}" MATCHES "^PG")
        set(start ${STM32_START} ${STM32_START_PORT_G})
    endif()
endforeach()
foreach(role TX RX)
    if("${${role}_GPIO}.${${role}_PIN}" STREQUAL "${TRIGGER_GPIO}.${TRIGGER_PIN}")
        stm32_error(TRIGGER "${TRIGGER} is ${role} of ${UART}" "choose another pin")
    endif()
endforeach()
if(gpio_registers STREQUAL crl)
    list(APPEND PORT_DEFINITIONS GPIO_CRL)
    if(NOT TX_AF EQUAL RX_AF)
        stm32_error(RX "${TX_TEXT} and ${RX_TEXT} need different remappings of ${UART}"
            "choose pins with the same number after the colon")
    endif()
    if(${uart}_REMAP)
        list(GET ${uart}_REMAP 0 shift)
        list(GET ${uart}_REMAP 1 width)
        # SWJ_CFG, bits 24 to 26, reads as undefined. It is written as 0: the debug port stays on.
        math(EXPR mask "0x07000000 | ((1 << ${width}) - 1) << ${shift}" OUTPUT_FORMAT HEXADECIMAL)
        math(EXPR value "${TX_AF} << ${shift}" OUTPUT_FORMAT HEXADECIMAL)
        list(APPEND start set:0x40010004:${mask}:${value}) # AFIO_MAPR
    endif()
else()
    list(APPEND PORT_DEFINITIONS AF_TX=${TX_AF}U AF_RX=${RX_AF}U)
endif()

# ---- The timers ----

if(TIMERS STREQUAL "tim2" OR TIMERS STREQUAL "tim2,tim5")
    list(APPEND PORT_DEFINITIONS
        RCC_TIMERS=${STM32_TIMERS_ENABLE}U TIMER_TICKS=0x40000000U TIMER_NAME="tim2")
    if(TIMERS MATCHES tim5)
        list(APPEND PORT_DEFINITIONS RCC_TIMERS_BITS=0x9U TIMER_COARSE=0x40000C00U)
    else()
        list(APPEND PORT_DEFINITIONS RCC_TIMERS_BITS=0x1U)
    endif()
elseif(TIMERS STREQUAL "none")
    list(APPEND PORT_PARTS systick)
else()
    stm32_error(TIMERS "'${TIMERS}' is unknown" "known: tim2,tim5 and tim2 and none")
endif()

# ---- For port.c ----

if(start)
    list(TRANSFORM start REPLACE "^set:(.+):(.+):(.+)$" "{0,\\1U,\\2U,\\3U}")
    list(TRANSFORM start REPLACE "^wait:(.+):(.+):(.+)$" "{1,\\1U,\\2U,\\3U}")
    list(JOIN start "," start)
    list(APPEND PORT_DEFINITIONS START_STEPS=${start})
endif()
math(EXPR usart_bits "1 << ${usart_bit}" OUTPUT_FORMAT HEXADECIMAL)
list(APPEND PORT_DEFINITIONS
    RCC_GPIO=${gpio_enable}U RCC_GPIO_BITS=${gpio_bits}U
    RCC_USART=${usart_enable}U RCC_USART_BITS=${usart_bits}U
    USART=${usart_base}U USART_BRR=${brr}U USART_INTERRUPT=${usart_interrupt}U)
