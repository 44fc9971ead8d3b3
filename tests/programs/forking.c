/* Processes that fork for ever, deaf to SIGTERM; after four minutes they end by themselves.
 *
 * chain: two that each go on in a child and end, thousands of times a second; chain_of_sessions: each child makes a
 * session of its own; pair: two that each start the other anew when it has ended. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int too_late(void) {
    static struct timespec start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (start.tv_sec == 0) start = now;
    return now.tv_sec - start.tv_sec > 240;
}

static void pause_us(long microseconds) {
    struct timespec wait = {0, microseconds * 1000};
    nanosleep(&wait, NULL);
}

static void chain(int sessions) {
    fork();
    setsid();
    while (!too_late()) {
        pid_t child = fork();
        if (child > 0) _exit(0);
        if (child == 0 && sessions) setsid();
        pause_us(child < 0 ? 10000 : 100); /* so that a slow test leaves room for others on this host */
    }
}

static void pair(void) {
    volatile pid_t *numbers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int own = 0;
    numbers[0] = getpid();
    pid_t child = fork();
    if (child == 0) own = 1;
    numbers[1] = child == 0 ? getpid() : child;
    setsid();
    while (!too_late()) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {}
        if (kill(numbers[1 - own], 0) != 0) {
            child = fork();
            if (child == 0) {
                setsid();
                own = 1 - own;
            } else if (child > 0) {
                numbers[1 - own] = child;
            }
        }
        pause_us(100);
    }
}

int main(int count, char **arguments) {
    signal(SIGTERM, SIG_IGN);
    too_late();
    if (count > 1 && strcmp(arguments[1], "pair") == 0) pair();
    else chain(count > 1 && strcmp(arguments[1], "chain_of_sessions") == 0);
    return 0;
}
