# find_package(numafit): targets numafit::static and numafit::shared.
include("${CMAKE_CURRENT_LIST_DIR}/numafit-targets.cmake")
