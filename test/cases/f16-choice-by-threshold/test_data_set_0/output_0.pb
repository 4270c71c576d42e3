
Boutput_0Jç³