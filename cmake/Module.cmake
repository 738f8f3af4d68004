# vr_module(NAME [LINK lib...] [PROTO file...])
#
# One folder is one static library, made of its *.c files. The endings tell the rest: *_test.c is a
# cmocka program registered with ctest, *_bench.c a program run by hand, *_fuzz.c a libFuzzer target
# (built with -DVR_FUZZ=ON), *_main.c a program of its own. LINK names modules and libraries below,
# OWN files that the folder's CMakeLists.txt builds by itself.
function(vr_module name)
    cmake_parse_arguments(ARG "" "" "LINK;PROTO;TEST_LINK;OWN" ${ARGN})
    file(GLOB all CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    foreach(file ${ARG_OWN})
        list(REMOVE_ITEM all ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    endforeach()
    set(sources ${all})
    list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz|main)\\.c$")
    foreach(proto ${ARG_PROTO})
        get_filename_component(stem ${proto} NAME_WE)
        set(out ${CMAKE_CURRENT_BINARY_DIR}/${stem}.pb-c)
        add_custom_command(
            OUTPUT ${out}.c ${out}.h
            COMMAND protoc-c --proto_path=${CMAKE_CURRENT_SOURCE_DIR}
                    --c_out=${CMAKE_CURRENT_BINARY_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
            DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto} VERBATIM)
        set_source_files_properties(${out}.c PROPERTIES COMPILE_OPTIONS "-w")
        list(APPEND sources ${out}.c)
    endforeach()
    if(sources)
        add_library(${name} STATIC ${sources})
        set(reach PUBLIC)
    else() # headers only, so far
        add_library(${name} INTERFACE)
        set(reach INTERFACE)
    endif()
    target_include_directories(${name} ${reach} ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR})
    target_link_libraries(${name} ${reach} ${ARG_LINK})

    foreach(file ${all})
        get_filename_component(stem ${file} NAME_WE)
        if(stem MATCHES "_test$")
            add_executable(${stem} ${file})
            target_link_libraries(${stem} PRIVATE ${name} ${ARG_TEST_LINK} cmocka)
            add_test(NAME ${stem} COMMAND ${stem})
            set_tests_properties(${stem} PROPERTIES TIMEOUT 400)
        elseif(stem MATCHES "_(bench|main)$")
            add_executable(${stem} ${file})
            target_link_libraries(${stem} PRIVATE ${name} ${ARG_TEST_LINK})
        elseif(stem MATCHES "_fuzz$" AND VR_FUZZ)
            add_executable(${stem} ${file})
            target_link_libraries(${stem} PRIVATE ${name} ${ARG_TEST_LINK})
            target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
        endif()
    endforeach()
endfunction()
