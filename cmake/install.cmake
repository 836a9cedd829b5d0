# What a wheel carries for C programs: libraries, a CMake package and a pkg-config file, all found
# from where they lie, since nobody knows where a wheel ends up.
include(CMakePackageConfigHelpers)

set(package_dir numafit/lib/cmake/numafit)
install(TARGETS numafit_static numafit_shared EXPORT numafit
  ARCHIVE DESTINATION numafit/lib
  LIBRARY DESTINATION numafit/lib NAMELINK_SKIP)
# a wheel holds no links: where one would lead the linker, a script of the linker's does
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/link/libnumafit.so "INPUT(libnumafit.so.${NUMAFIT_ABI})\n")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/link/libnumafit.so DESTINATION numafit/lib)
install(EXPORT numafit NAMESPACE numafit:: FILE numafit-targets.cmake DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/numafit-config-version.cmake
  VERSION ${NUMAFIT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES cmake/numafit-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/numafit-config-version.cmake DESTINATION ${package_dir})
configure_file(cmake/numafit.pc.in ${CMAKE_CURRENT_BINARY_DIR}/numafit.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/numafit.pc DESTINATION numafit/lib/pkgconfig)
