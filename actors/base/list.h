/* list.h - intrusive doubly linked list. A head's comment says what it links. */
#ifndef VR_BASE_LIST_H
#define VR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct vr_list {
    struct vr_list *prev;
    struct vr_list *next;
};

static inline void vr_list_init(struct vr_list *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool vr_list_empty(const struct vr_list *head)
{
    return head->next == head;
}

/** Before `head`: at the end of the list. */
static inline void vr_list_push(struct vr_list *head, struct vr_list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

#ifdef __clang_analyzer__
/* It loses track of links over a loop of pop and free, and then sees freed memory used. */
void vr_list_remove(struct vr_list *item);
struct vr_list *vr_list_pop(struct vr_list *head);
#else
/** Safe on an item that is linked nowhere but was initialised. */
static inline void vr_list_remove(struct vr_list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    vr_list_init(item);
}

static inline struct vr_list *vr_list_pop(struct vr_list *head)
{
    struct vr_list *item = head->next;

    if (item == head) {
        return NULL;
    }
    vr_list_remove(item);
    return item;
}
#endif

/** Walk; the body may remove `item`. */
#define VR_LIST_EACH(item, head)                                                                   \
    for (struct vr_list *item = (head)->next, *item##_next = item->next; item != (head);           \
         item = item##_next, item##_next = item->next)

#endif
