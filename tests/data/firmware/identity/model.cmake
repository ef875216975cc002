# A model that copies its input: firmware and link without an engine.
set(NN_SOURCES ${CMAKE_CURRENT_LIST_DIR}/model.c)
set(NN_KERNELS)
set(NN_INCLUDES)
set(NN_DEFINITIONS)
