/*
 * Workers that live as long as the machine. A list of kernels is one call: the caller is worker 0, the others wake, and all meet
 * where the level changes. Who waits spins for a while, then yields, then sleeps, so that idle workers cost nothing and more
 * workers than cores still advance.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

enum { SPINS = 4000, YIELDS = 200 };
static int spins; /* SPINS, or 0 where there are more workers than processors: who spins then keeps the one waited for from running */

struct gate { /* a counter that others wait to see changed, alone on its cache lines */
    int value;
    int sleepers;
} __attribute__((aligned(128)));

struct pool {
    struct gate begin, level;
    int arrived __attribute__((aligned(128)));
    int threads, started, list, quit;
    float *const *buffers;
    double *times; /* where profiling: seconds of step s on worker t at [s * threads + t] */
    pthread_t *workers;
    struct worker *seats;
} __attribute__((aligned(128)));

struct worker {
    struct pool *pool;
    int tid;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* waits until the gate's value is no longer old */
static void gate_wait(struct gate *g, int old)
{
    for (int i = 0; i < spins; i++) {
        if (__atomic_load_n(&g->value, __ATOMIC_ACQUIRE) != old)
            return;
        relax();
    }
    for (int i = 0; i < YIELDS; i++) {
        if (__atomic_load_n(&g->value, __ATOMIC_ACQUIRE) != old)
            return;
        sched_yield();
    }
    while (__atomic_load_n(&g->value, __ATOMIC_ACQUIRE) == old) {
#if defined(__linux__)
        __atomic_fetch_add(&g->sleepers, 1, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &g->value, FUTEX_WAIT_PRIVATE, old, 0, 0, 0);
        __atomic_fetch_sub(&g->sleepers, 1, __ATOMIC_SEQ_CST);
#else
        sched_yield();
#endif
    }
}

static void gate_open(struct gate *g)
{
    __atomic_fetch_add(&g->value, 1, __ATOMIC_SEQ_CST);
#if defined(__linux__)
    if (__atomic_load_n(&g->sleepers, __ATOMIC_SEQ_CST) > 0)
        syscall(SYS_futex, &g->value, FUTEX_WAKE_PRIVATE, 0x7fffffff, 0, 0, 0);
#endif
}

/* the barrier between levels: the last to arrive opens the gate */
static void meet(struct pool *pool)
{
    if (pool->threads == 1)
        return;
    int old = __atomic_load_n(&pool->level.value, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&pool->arrived, 1, __ATOMIC_ACQ_REL) < pool->threads) {
        gate_wait(&pool->level, old);
        return;
    }
    __atomic_store_n(&pool->arrived, 0, __ATOMIC_RELAXED);
    gate_open(&pool->level);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* one kernel of a list, timed where profiling */
#define STEP(s, call)                                               \
    do {                                                            \
        if (__builtin_expect(!pool->times, 1)) {                    \
            call;                                                   \
        } else {                                                    \
            double began = seconds();                               \
            call;                                                   \
            pool->times[(s) * pool->threads + tid] += seconds() - began; \
        }                                                           \
    } while (0)
