enum SLAPlaceholder {}
