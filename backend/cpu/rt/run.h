/* The four entry points. */
static void *work(void *seat)
{
    struct worker *w = seat;
    struct pool *pool = w->pool;
    for (int seen = 0;; seen++) {
        gate_wait(&pool->begin, seen);
        if (pool->quit)
            return 0;
        lists[pool->list](pool, w->tid);
        meet(pool);
    }
}

EXPORT void bnetc_close(struct pool *pool)
{
    pool->quit = 1;
    gate_open(&pool->begin);
    for (int t = 1; t < pool->started; t++)
        pthread_join(pool->workers[t], 0);
    free(pool->workers);
    free(pool->seats);
    free(pool);
}

EXPORT struct pool *bnetc_open(int threads, float *const *buffers, int processors)
{
    struct pool *pool = aligned_alloc(128, sizeof *pool);
    if (!pool)
        return 0;
    spins = threads <= processors ? SPINS : 0;
    *pool = (struct pool){.threads = threads, .started = 1, .buffers = buffers};
    pool->workers = calloc(threads, sizeof *pool->workers);
    pool->seats = calloc(threads, sizeof *pool->seats);
    while (pool->workers && pool->seats && pool->started < threads) {
        struct worker *seat = &pool->seats[pool->started];
        *seat = (struct worker){pool, pool->started};
        if (pthread_create(&pool->workers[pool->started], 0, work, seat))
            break;
        pool->started++;
    }
    if (pool->started == threads && pool->workers && pool->seats)
        return pool;
    bnetc_close(pool);
    return 0;
}

/* times: null, or room for (steps of the list) * threads seconds */
EXPORT void bnetc_run(struct pool *pool, int list, double *times)
{
    pool->list = list;
    pool->times = times;
    if (pool->threads > 1)
        gate_open(&pool->begin);
    lists[list](pool, 0);
    meet(pool);
}
