/* Vectors of WIDTH numbers stored in 16 bits. */
typedef uint16_t vWs __attribute__((vector_size(2 * WIDTH)));
typedef uint16_t vWs_any __attribute__((vector_size(2 * WIDTH), aligned(2), may_alias));

INLINE vWs vW_load_halves(const uint16_t *p) { return *(const vWs_any *)p; }
INLINE void vW_store_halves(uint16_t *p, vWs x) { *(vWs_any *)p = x; }
INLINE vWs vW_gather_halves(const uint16_t *p, long stride) { return (vWs){LISTK(p[stride * K])}; }
INLINE vWs vW_pick_halves(const uint16_t *p, long stride, vWi at) { return (vWs){LISTK(p[stride * K + at[K]])}; }
INLINE void vW_scatter_halves(uint16_t *p, long stride, vWs x)
{
    for (long k = 0; k < WIDTH; k++)
        p[stride * k] = x[k];
}
