# Debian 12 libraries as imported targets. Names: vr_ext_<library>.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(vr_ext_uv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(vr_ext_ssl REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(vr_ext_srtp REQUIRED IMPORTED_TARGET libsrtp2)
pkg_check_modules(vr_ext_nice REQUIRED IMPORTED_TARGET nice)
pkg_check_modules(vr_ext_opus REQUIRED IMPORTED_TARGET opus)
pkg_check_modules(vr_ext_jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(vr_ext_protobuf_c REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(vr_ext_cyaml REQUIRED IMPORTED_TARGET libcyaml)
pkg_check_modules(vr_ext_yaml REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(vr_ext_ck REQUIRED IMPORTED_TARGET ck)
pkg_check_modules(vr_ext_curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(vr_ext_zmq REQUIRED IMPORTED_TARGET libczmq libzmq)

# lmdb has no usable .pc on every release; h2o's .pc misses the libuv define and wslay.
find_library(VR_LMDB_LIBRARY lmdb REQUIRED)
add_library(vr_ext_lmdb INTERFACE)
target_link_libraries(vr_ext_lmdb INTERFACE ${VR_LMDB_LIBRARY})
find_library(VR_H2O_LIBRARY h2o REQUIRED)
find_library(VR_WSLAY_LIBRARY wslay REQUIRED)
add_library(vr_ext_h2o INTERFACE)
target_compile_definitions(vr_ext_h2o INTERFACE H2O_USE_LIBUV=1)
target_link_libraries(vr_ext_h2o INTERFACE ${VR_H2O_LIBRARY} ${VR_WSLAY_LIBRARY}
    PkgConfig::vr_ext_uv PkgConfig::vr_ext_ssl z)
