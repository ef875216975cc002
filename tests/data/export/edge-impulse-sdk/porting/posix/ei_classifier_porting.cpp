#error "the harness brings a porting layer of its own"
