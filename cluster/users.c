/* users.c - rows of users that come from other nodes: two nodes may have made a key for one user,
 * each before it knew of the other, so both keys are kept. */
#include "cluster/internal.h"
#include "store/personal.h"

bool cluster_user_merged(struct vr_cluster *cluster, struct vr_bytes ref, struct vr_bytes theirs,
                         struct vr_buf *out)
{
    struct vr_buf ours = {0};
    bool news;

    if (vr_records_get(cluster->conf.local, VR_TABLE_USERS, ref, &ours) != VR_OK) {
        ours.size = 0;
    }
    news = vr_personal_merge(vr_buf_bytes(&ours), theirs, out) == VR_OK &&
           !(ours.size > 0 && vr_bytes_equal(vr_buf_bytes(&ours), vr_buf_bytes(out)));
    vr_buf_deinit(&ours);
    return news;
}
