# Builds SDK_LIBRARY from the parts of an SDK that the objects of target `model` need. Included by
# the model.cmake of engine edge-impulse, which sets NN_SDK and the other variables here. The
# library has line numbers for messages, but no types, which take an eighth of the time.
set(language "$<COMPILE_LANGUAGE>")
set(compiler "$<IF:$<COMPILE_LANGUAGE:CXX>,${CMAKE_CXX_COMPILER},${CMAKE_C_COMPILER}>")
set(words ${SDK_DEFINITIONS})
list(TRANSFORM words PREPEND -D)
set(includes ${SDK_INCLUDES})
list(TRANSFORM includes PREPEND -I)
list(APPEND words ${includes})
file(GENERATE OUTPUT "${CMAKE_BINARY_DIR}/sdk.${language}.txt"
    CONTENT "${compiler}\n$<JOIN:${words},\n>\n$<JOIN:$<TARGET_PROPERTY:model,COMPILE_OPTIONS>,\n>\n-g1\n"
    TARGET model)
set(models ${NN_MODEL_FOLDERS})
list(TRANSFORM models PREPEND --model=)
set(together)
if(NOT PORT_IS_CORTEXM)
    set(together --together) # golden's program is not measured
endif()
add_custom_command(OUTPUT "${SDK_LIBRARY}"
    COMMAND "${CMAKE_COMMAND}" -E env "PYTHONPATH=${NN_HARNESS}"
        "${NN_PYTHON}" -P -m harness.engines.edge_impulse_sdk.sdk_library
        "--sdk=${NN_SDK}" --digest=${NN_SDK_DIGEST} ${models} "--cache=${NN_CACHE}"
        "--out=${SDK_LIBRARY}" "--objdump=${CMAKE_OBJDUMP}" "--ar=${CMAKE_AR}"
        "--c=${CMAKE_BINARY_DIR}/sdk.C.txt" "--cxx=${CMAKE_BINARY_DIR}/sdk.CXX.txt" ${together}
        $<TARGET_OBJECTS:model>
    DEPENDS model $<TARGET_OBJECTS:model>
    COMMAND_EXPAND_LISTS USES_TERMINAL VERBATIM)
add_custom_target(sdk DEPENDS "${SDK_LIBRARY}")
