/*
 * Four standard normal numbers for each lane's row and block: Philox4x32-10, then Box and Muller. Sums, differences and products of
 * float32 alone, none of them fused, so that every machine draws the same bits.
 */
typedef uint64_t vWl __attribute__((vector_size(4 * WIDTH))); /* half as many, twice as wide */
struct vW_four { vWf n0, n1, n2, n3; };

/* the products of the even lanes, all 64 bits of them */
INLINE vWl vW_even(vWu a, uint32_t m)
{
#if WIDTH == 4 && defined(__SSE2__) && !defined(__clang__)
    return (vWl)__builtin_ia32_pmuludq128((vWi)a, (vWi){LIST((int)m)});
#elif WIDTH == 8 && defined(__AVX2__) && !defined(__clang__)
    return (vWl)__builtin_ia32_pmuludq256((vWi)a, (vWi){LIST((int)m)});
#elif WIDTH == 16 && defined(__AVX512F__) && !defined(__clang__)
    typedef long long wide __attribute__((vector_size(64)));
    return (vWl)__builtin_ia32_pmuludq512_mask((vWi)a, (vWi){LIST((int)m)}, (wide){0}, -1);
#else
    return ((vWl)a & 0xffffffffu) * (uint64_t)m;
#endif
}

INLINE void vW_multiply(vWu a, uint32_t m, vWu *high, vWu *low)
{
    vWl even = vW_even(a, m), odd = vW_even((vWu)((vWl)a >> 32), m);
    *high = (vWu)(even >> 32 | (odd & 0xffffffff00000000u));
    *low = (vWu)((even & 0xffffffffu) | odd << 32);
}

INLINE vWf vW_bits(uint32_t x) { return (vWf)(vWu){LIST(x)}; }

/* log u from the high 24 bits of a word, then the root of -2 log u by Newton's iteration */
INLINE vWf vW_radius(vWu a)
{
    vWu bits = (vWu)__builtin_convertvector((vWi)(a >> 8 | 1), vWf);
    vWi e = (vWi)(bits - 0x3f3504f3u) >> 23;
    vWf f = (vWf)(bits - ((vWu)e << 23)) - 1.0f;
    vWf z = f * f;
    vWf p = vW_bits(0x3d9021bb) * f + vW_bits(0xbdebd1b8);
    p = p * f + vW_bits(0x3def251a);
    p = p * f + vW_bits(0xbdfe5d4f);
    p = p * f + vW_bits(0x3e11e9bf);
    p = p * f + vW_bits(0xbe2aae50);
    p = p * f + vW_bits(0x3e4cceac);
    p = p * f + vW_bits(0xbe7ffffc);
    p = p * f + vW_bits(0x3eaaaaaa);
    p = p * f * z;
    vWf log = __builtin_convertvector(e - 24, vWf) * vW_bits(0x3f317218) + (f + (p - 0.5f * z));
    vWf x = -2.0f * log, half = 0.5f * x;
    vWf y = (vWf)(0x5f3759dfu - ((vWu)x >> 1));
    y = y * (1.5f - half * y * y);
    y = y * (1.5f - half * y * y);
    y = y * (1.5f - half * y * y);
    return x * y;
}

/* the radius times cosine and sine of an angle: a quarter turn by the high two bits, the place in it by the next 24 */
INLINE void vW_turn(vWf r, vWu b, vWf *n0, vWf *n1)
{
    vWf z = (__builtin_convertvector((vWi)(b >> 6 & 0xffffff), vWf) - 8388608.0f) * 5.9604644775390625e-8f * vW_bits(0x3fc90fdb);
    vWf z2 = z * z;
    vWf p = vW_bits(0xb94ca1f9) * z2 + vW_bits(0x3c08839e);
    p = p * z2 + vW_bits(0xbe2aaaa3);
    vWf s = p * z2 * z + z;
    vWf q = vW_bits(0x37ccf5ce) * z2 + vW_bits(0xbab6061a);
    q = q * z2 + vW_bits(0x3d2aaaa5);
    vWf c = q * z2 * z2 - 0.5f * z2 + 1.0f;
    vWu turns = b >> 30;
    vWi odd = -(vWi)(turns & 1);
    *n0 = r * (vWf)((vWu)vW_blend(odd, s, c) ^ ((turns + 1) & 2) << 30);
    *n1 = r * (vWf)((vWu)vW_blend(odd, c, s) ^ (turns & 2) << 30);
}

INLINE struct vW_four vW_normals(uint32_t seed_low, uint32_t seed_high, uint32_t step, uint32_t stream, vWu row, vWu block)
{
    uint32_t k0 = seed_low, k1 = seed_high ^ stream;
    vWu c0 = block, c1 = row, c2 = (vWu){LIST(step)}, c3 = {0};
    for (int round = 0; round < 10; round++) {
        vWu high0, low0, high1, low1;
        vW_multiply(c0, 0xd2511f53u, &high0, &low0);
        vW_multiply(c2, 0xcd9e8d57u, &high1, &low1);
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    struct vW_four n;
    vW_turn(vW_radius(c0), c1, &n.n0, &n.n1);
    vW_turn(vW_radius(c2), c3, &n.n2, &n.n3);
    return n;
}
