//! Module 5: draws a still for each look of the plan.
