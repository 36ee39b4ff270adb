/*
 * Four standard normal numbers for each lane's row and block: Philox4x32-10, then Box and Muller. Sums, differences and products of
 * float32 alone, none of them fused, so that every machine draws the same bits.
 */
typedef uint64_t vWl __attribute__((vector_size(4 * WIDTH))); /* half as many, twice as wide */
struct vW_four { vWf n0, n1, n2, n3; };

/* the products of the low halves, all 64 bits of them; the high halves may hold anything */
INLINE vWl vW_multiply(vWl a, uint32_t m)
{
#if WIDTH == 4 && defined(__SSE2__) && !defined(__clang__)
    return (vWl)__builtin_ia32_pmuludq128((vWi)a, (vWi){LIST((int)m)});
#elif WIDTH == 8 && defined(__AVX2__) && !defined(__clang__)
    return (vWl)__builtin_ia32_pmuludq256((vWi)a, (vWi){LIST((int)m)});
#elif WIDTH == 16 && defined(__AVX512F__) && !defined(__clang__)
    typedef long long wide __attribute__((vector_size(64)));
    return (vWl)__builtin_ia32_pmuludq512_mask((vWi)a, (vWi){LIST((int)m)}, (wide){0}, -1);
#else
    return (a & 0xffffffffu) * (uint64_t)m;
#endif
}

/* Ten rounds. The even and the odd lanes of the counter (block, row, step, 0) are kept apart, each in the low half of 64 bits: what is
   left in the high halves is never looked at. */
INLINE void vW_philox(uint32_t key0, uint32_t key1, vWu block, vWu row, uint32_t step, vWu word[4])
{
    vWl k0 = (vWl)(vWu){LIST(key0)}, k1 = (vWl)(vWu){LIST(key1)};
    vWl a0 = (vWl)block, a1 = (vWl)row, a2 = (vWl)(vWu){LIST(step)}, a3 = {0};
    vWl b0 = a0 >> 32, b1 = a1 >> 32, b2 = a2, b3 = {0};
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        vWl p = vW_multiply(a0, 0xd2511f53u), q = vW_multiply(a2, 0xcd9e8d57u);
        vWl r = vW_multiply(b0, 0xd2511f53u), s = vW_multiply(b2, 0xcd9e8d57u);
        a0 = (q >> 32) ^ a1 ^ k0, a1 = q, a2 = (p >> 32) ^ a3 ^ k1, a3 = p;
        b0 = (s >> 32) ^ b1 ^ k0, b1 = s, b2 = (r >> 32) ^ b3 ^ k1, b3 = r;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    word[0] = (vWu)((a0 & 0xffffffffu) | b0 << 32);
    word[1] = (vWu)((a1 & 0xffffffffu) | b1 << 32);
    word[2] = (vWu)((a2 & 0xffffffffu) | b2 << 32);
    word[3] = (vWu)((a3 & 0xffffffffu) | b3 << 32);
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
    vWu word[4];
    vW_philox(seed_low, seed_high ^ stream, block, row, step, word);
    struct vW_four n;
    vW_turn(vW_radius(word[0]), word[1], &n.n0, &n.n1);
    vW_turn(vW_radius(word[2]), word[3], &n.n2, &n.n3);
    return n;
}
