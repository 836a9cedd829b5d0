"""Nova's rules for flavors, images, resources and devices: values in, values out, no I/O."""
