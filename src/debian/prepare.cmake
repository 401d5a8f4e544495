# Between installing into the folder of the package and packing it: what Debian wants otherwise than cmake --install.
# CPack gives the folder.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(documents ${root}/share/doc/rosterzip)

# The licence is called copyright, and there is a changelog; texts are compressed, without a time.
file(READ ${documents}/LICENSE licence)
file(REMOVE ${documents}/LICENSE)
file(WRITE ${documents}/copyright "This is rosterzip ${CPACK_PACKAGE_VERSION}.\n\n${licence}")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH, if that is set
file(WRITE ${documents}/changelog "rosterzip (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Built from the sources of this version.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
execute_process(COMMAND gzip -9n ${documents}/changelog ${root}/share/man/man1/rosterzip.1 COMMAND_ERROR_IS_FATAL ANY)

# Packages of Debian have their completion in another folder for zsh than the administrator has.
if(EXISTS ${root}/share/zsh/site-functions)
	file(RENAME ${root}/share/zsh/site-functions ${root}/share/zsh/vendor-completions)
endif()

# Where configurations and secrets go; dpkg removes it when it is empty.
file(MAKE_DIRECTORY ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/etc/rosterzip)

# Whatever the umask was
set(readable OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
set(usable OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
file(CHMOD_RECURSE ${root} ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/etc
	FILE_PERMISSIONS ${readable} DIRECTORY_PERMISSIONS ${usable})
file(CHMOD ${root}/bin/rosterzip FILE_PERMISSIONS ${usable})
