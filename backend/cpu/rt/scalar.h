#include <stdint.h>
#if defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline, unused))

#if defined(__FMA__) || defined(__aarch64__)
#define FUSED 1
#endif
#if defined(FUSED) && defined(__clang__)
#if __has_builtin(__builtin_elementwise_fma)
#define GENERIC_FMA 1
#endif
#endif

/* The scalar forms of what the vectors do below. */
INLINE float s_blend(int mask, float a, float b) { return mask ? a : b; }
INLINE float s_one(int mask) { return mask ? 1.0f : 0.0f; }
INLINE float s_max(float a, float b) { return a > b || a != a ? a : b; }
INLINE float s_min(float a, float b) { return a < b || a != a ? a : b; }
INLINE float s_abs(float a) { return __builtin_fabsf(a); }
INLINE float s_sign(float a) { return s_one(a > 0) - s_one(a < 0); }
INLINE float s_sqrt(float a) { return __builtin_sqrtf(a); }
INLINE int s_seek(float x, int last) { return x > 0 ? x < last ? (int)x : last : 0; }
#if defined(FUSED)
INLINE float s_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
INLINE float s_fma(float a, float b, float c) { return a * b + c; }
#endif

/* the first position of worker tid when total positions are shared among nt: equal contiguous ranges */
INLINE long share(long total, int tid, int nt) { return total * tid / nt; }
