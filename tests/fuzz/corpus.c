/* Runs a fuzzer's cases without the fuzzer: every file of the folders named. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(const char *folder, const char *name) {
    char path[4096];
    uint8_t data[65536];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return -1;
    FILE *file = fopen(path, "rb");
    if (!file) return -1;
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    return LLVMFuzzerTestOneInput(data, size);
}

int main(int n_folders, char **folders) {
    int cases = 0;
    for (int i = 1; i < n_folders; i++) {
        DIR *folder = opendir(folders[i]);
        for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
            if (entry->d_name[0] == '.') continue;
            if (run(folders[i], entry->d_name) != 0) {
                fprintf(stderr, "%s/%s: cannot be read\n", folders[i], entry->d_name);
                return 1;
            }
            cases++;
        }
        if (folder) closedir(folder);
    }
    fprintf(stderr, "%d cases\n", cases);
    return cases ? 0 : 1; /* an empty folder proves nothing */
}
