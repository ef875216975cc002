/*
 * A stand-in for tests: the names of the classes.
 */
#ifndef EI_CLASSIFIER_MODEL_VARIABLES_H
#define EI_CLASSIFIER_MODEL_VARIABLES_H

const char *ei_classifier_inferencing_categories[] = {"low", "high"};

#endif
