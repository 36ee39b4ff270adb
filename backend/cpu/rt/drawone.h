struct s_four { float n0, n1, n2, n3; };
INLINE struct s_four s_normals(uint32_t seed_low, uint32_t seed_high, uint32_t step, uint32_t stream, uint32_t row, uint32_t block)
{
    struct v4_four n = v4_normals(seed_low, seed_high, step, stream, v4_counter(row, 0), v4_counter(block, 0));
    return (struct s_four){n.n0[0], n.n1[0], n.n2[0], n.n3[0]};
}
