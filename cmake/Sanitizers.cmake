# VR_SANITIZE: empty, "address" (ASan and UBSan) or "thread" (TSan). Presets set it.
set(VR_SANITIZE "" CACHE STRING "address, thread, or empty")
option(VR_FUZZ "build the libFuzzer targets (needs clang)" OFF)

add_compile_options(
    -Wall -Wextra -Wshadow -Wswitch-enum -Wmissing-prototypes -Wstrict-prototypes -Wvla
    -Wpointer-arith -Wwrite-strings -Werror -fno-omit-frame-pointer -fstack-protector-strong)
add_compile_definitions(_GNU_SOURCE)

if(VR_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
    add_link_options(-fsanitize=address,undefined)
elseif(VR_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
endif()
if(VR_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
