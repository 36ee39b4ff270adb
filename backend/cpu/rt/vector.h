/* Vectors of WIDTH floats. WIDTH, HALF, vW and vH are replaced by the printer; wider than the machine works, in halves. */
typedef float vWf __attribute__((vector_size(4 * WIDTH)));
typedef int32_t vWi __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t vWu __attribute__((vector_size(4 * WIDTH)));
typedef float vWf_any __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

INLINE vWf vW_splat(float x) { return (vWf){LIST(x)}; }
INLINE vWf vW_load(const float *p) { return *(const vWf_any *)p; }
INLINE void vW_store(float *p, vWf x) { *(vWf_any *)p = x; }
INLINE vWf vW_gather(const float *p, long stride) { return (vWf){LISTK(p[stride * K])}; }
INLINE vWf vW_pick(const float *p, long stride, vWi at) { return (vWf){LISTK(p[stride * K + at[K]])}; }
INLINE void vW_scatter(float *p, long stride, vWf x)
{
    for (long k = 0; k < WIDTH; k++)
        p[stride * k] = x[k];
}

/* x without its fraction, or the nearest of 0 ... last; and back */
INLINE vWi vW_seek(vWf x, int last) { return (vWi){LISTK(s_seek(x[K], last))}; }
INLINE vWf vW_number(vWi x) { return (vWf){LISTK((float)x[K])}; }

/* b + k * coef in lane k, as numbers and as counters */
INLINE vWf vW_position(long b, long coef) { return (vWf){LISTK((float)(b + coef * K))}; }
INLINE vWu vW_counter(uint32_t b, uint32_t coef) { return (vWu){LISTK(b + coef * K)}; }

/* a where the mask is set, else b; gcc does not find the instruction for it by itself */
#if WIDTH == 4 && defined(__AVX__) && !defined(__clang__)
INLINE vWf vW_blend(vWi mask, vWf a, vWf b) { return __builtin_ia32_blendvps(b, a, (vWf)mask); }
#elif WIDTH == 8 && defined(__AVX__) && !defined(__clang__)
INLINE vWf vW_blend(vWi mask, vWf a, vWf b) { return __builtin_ia32_blendvps256(b, a, (vWf)mask); }
#else
INLINE vWf vW_blend(vWi mask, vWf a, vWf b) { return (vWf)((mask & (vWi)a) | (~mask & (vWi)b)); }
#endif

/* a, but no more than a limit; NaN stays */
#if WIDTH == 4 && defined(__SSE__) && !defined(__clang__)
INLINE vWf vW_limit(vWf limit, vWf a) { return __builtin_ia32_minps(limit, a); }
#elif WIDTH == 8 && defined(__AVX__) && !defined(__clang__)
INLINE vWf vW_limit(vWf limit, vWf a) { return __builtin_ia32_minps256(limit, a); }
#elif WIDTH == 16 && defined(__AVX512F__) && !defined(__clang__)
INLINE vWf vW_limit(vWf limit, vWf a) { return __builtin_ia32_minps512_mask(limit, a, a, -1, 4); }
#else
INLINE vWf vW_limit(vWf limit, vWf a) { return vW_blend(a > limit, limit, a); }
#endif
INLINE vWf vW_one(vWi mask) { return (vWf)(mask & (vWi)vW_splat(1.0f)); }

/* as in Go, the larger or smaller of a number and NaN is NaN */
INLINE vWf vW_max(vWf a, vWf b) { return vW_blend((a > b) | (a != a), a, b); }
INLINE vWf vW_min(vWf a, vWf b) { return vW_blend((a < b) | (a != a), a, b); }
INLINE vWf vW_abs(vWf a) { return (vWf)((vWi)a & 0x7fffffff); }
INLINE vWf vW_sign(vWf a) { return vW_one(a > 0) - vW_one(a < 0); }

/* a * b + c, rounded once where the machine can; a compiler that has lost a builtin of another has the generic one */
#if defined(GENERIC_FMA)
INLINE vWf vW_fma(vWf a, vWf b, vWf c) { return __builtin_elementwise_fma(a, b, c); }
#elif WIDTH == 4 && defined(__FMA__)
INLINE vWf vW_fma(vWf a, vWf b, vWf c) { return __builtin_ia32_vfmaddps(a, b, c); }
#elif WIDTH == 8 && defined(__FMA__)
INLINE vWf vW_fma(vWf a, vWf b, vWf c) { return __builtin_ia32_vfmaddps256(a, b, c); }
#elif WIDTH == 16 && defined(__AVX512F__)
INLINE vWf vW_fma(vWf a, vWf b, vWf c) { return __builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4); }
#elif WIDTH == 4 && defined(__ARM_NEON)
INLINE vWf vW_fma(vWf a, vWf b, vWf c) { return (vWf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
#elif WIDTH == 2 && defined(FUSED)
INLINE vWf vW_fma(vWf a, vWf b, vWf c) { return (vWf){__builtin_fmaf(a[0], b[0], c[0]), __builtin_fmaf(a[1], b[1], c[1])}; }
#elif WIDTH > 4 && defined(FUSED)
INLINE vWf vW_fma(vWf a, vWf b, vWf c)
{
    union { vWf w; vHf h[2]; } x = {a}, y = {b}, z = {c};
    z.h[0] = vH_fma(x.h[0], y.h[0], z.h[0]);
    z.h[1] = vH_fma(x.h[1], y.h[1], z.h[1]);
    return z.w;
}
#else
INLINE vWf vW_fma(vWf a, vWf b, vWf c) { return a * b + c; }
#endif

#if WIDTH == 4 && defined(__SSE__) && !defined(__clang__)
INLINE vWf vW_sqrt(vWf a) { return __builtin_ia32_sqrtps(a); }
#elif WIDTH == 8 && defined(__AVX__) && !defined(__clang__)
INLINE vWf vW_sqrt(vWf a) { return __builtin_ia32_sqrtps256(a); }
#elif WIDTH == 16 && defined(__AVX512DQ__) && !defined(__clang__)
/* Within 1 ulp: an estimate y of 1 / sqrt(a), and one of Newton's steps from a y. The processor's own root keeps its divider busy for 12 cycles, beside
   the quotient that Adam takes of it. Zeros and infinity are their own roots. */
INLINE vWf vW_sqrt(vWf a)
{
    vWf y = __builtin_ia32_rsqrt14ps512_mask(a, a, -1), s = a * y;
    vWf root = vW_fma(0.5f * s, vW_fma(-s, y, vW_splat(1.0f)), s);
    return __builtin_ia32_blendmps_512_mask(root, a, __builtin_ia32_fpclassps512_mask(a, 0x0e, -1));
}
#elif WIDTH == 4 && defined(__aarch64__)
INLINE vWf vW_sqrt(vWf a) { return (vWf)vsqrtq_f32((float32x4_t)a); }
#elif WIDTH > 4 && !defined(__clang__)
INLINE vWf vW_sqrt(vWf a)
{
    union { vWf w; vHf h[2]; } x = {a};
    x.h[0] = vH_sqrt(x.h[0]);
    x.h[1] = vH_sqrt(x.h[1]);
    return x.w;
}
#else
INLINE vWf vW_sqrt(vWf a) { return (vWf){LISTK(__builtin_sqrtf(a[K]))}; }
#endif

/* reductions over the lanes, neighbours at half the width apart first: one order on every machine */
INLINE float vW_sum(vWf a)
{
    union { vWf w; float s[WIDTH]; } x = {a};
    for (int n = WIDTH / 2; n > 0; n /= 2)
        for (int k = 0; k < n; k++)
            x.s[k] += x.s[k + n];
    return x.s[0];
}
INLINE float vW_largest(vWf a)
{
    float m = a[0];
    for (int k = 1; k < WIDTH; k++)
        m = s_max(m, a[k]);
    return m;
}
