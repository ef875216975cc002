# See model.c.
set(NN_SOURCES ${CMAKE_CURRENT_LIST_DIR}/model.c)
set(NN_KERNELS)
set(NN_INCLUDES)
set(NN_DEFINITIONS)
add_link_options(-Wl,--wrap=port_ticks)
