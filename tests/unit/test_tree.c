/* SPDX-License-Identifier: MIT */
#include "fs/tree.h"

#include <unistd.h>

static void gone(const struct node *node, gpointer user_data)
{
    ++*(guint *)user_data;
}

struct fixture {
    int fd;
    struct state *state;
    struct tree *tree;
    guint gone;
};

static void begin(struct fixture *f)
{
    g_autofree char *why = NULL;
    f->state = state_open(f->fd, &why);
    g_assert_cmpstr(why, ==, NULL);
    f->tree = tree_new(f->state, gone, &f->gone);
}

static void end(struct fixture *f)
{
    tree_free(f->tree);
    state_close(f->state);
}

static void set_up(struct fixture *f, gconstpointer data)
{
    f->fd = state_create();
    begin(f);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    end(f);
    close(f->fd);
}

static struct node *looked_up(struct fixture *f, enum node_kind kind, guint64 owner,
                              const char *name)
{
    struct node *node = tree_obtain(f->tree, kind, owner, name, NULL);
    tree_looked_up(node, FALSE);
    return node;
}

static void root_is_never_forgotten(struct fixture *f, gconstpointer data)
{
    tree_forget(f->tree, TREE_ROOT, 1000);
    g_assert_nonnull(tree_get(f->tree, TREE_ROOT));
}

static void same_name_is_the_same_node(struct fixture *f, gconstpointer data)
{
    const struct node *first = looked_up(f, NODE_HOST, 7, "10.0.0.1:80");
    g_assert_true(looked_up(f, NODE_HOST, 7, "10.0.0.1:80") == first);
    g_assert_true(looked_up(f, NODE_HOST, 8, "10.0.0.1:80") != first);
    g_assert_true(looked_up(f, NODE_SERVICE_FILE, 7, "10.0.0.1:80") != first);
}

static void forget_counts(struct fixture *f, gconstpointer data)
{
    guint64 id = looked_up(f, NODE_GROUP, 1, "G")->id;
    looked_up(f, NODE_GROUP, 1, "G");
    tree_forget(f->tree, id, 1);
    g_assert_nonnull(tree_get(f->tree, id));
    tree_forget(f->tree, id, 1);
    g_assert_null(tree_get(f->tree, id));
    g_assert_null(tree_find(f->tree, NODE_GROUP, 1, "G"));
    g_assert_cmpuint(f->gone, ==, 1);
}

static void forgetting_too_much_or_twice_does_no_harm(struct fixture *f, gconstpointer data)
{
    guint64 id = looked_up(f, NODE_GROUP, 1, "G")->id;
    tree_forget(f->tree, id, 99);
    tree_forget(f->tree, id, 1);
    g_assert_cmpuint(f->gone, ==, 1);
    g_assert_cmpuint(tree_count(f->tree), ==, 1);
}

static void unlinked_name_is_another_node(struct fixture *f, gconstpointer data)
{
    struct node *old = looked_up(f, NODE_HOST, 7, "a:1");
    tree_unlink(f->tree, old);
    tree_unlink(f->tree, old);
    g_assert_null(tree_find(f->tree, NODE_HOST, 7, "a:1"));
    g_assert_true(tree_get(f->tree, old->id) == old);
    const struct node *new = looked_up(f, NODE_HOST, 7, "a:1");
    g_assert_true(new != old);
    tree_forget(f->tree, old->id, 1);
    g_assert_true(tree_find(f->tree, NODE_HOST, 7, "a:1") == new);
}

static void helpers_lookups_are_nobodys_interest(struct fixture *f, gconstpointer data)
{
    struct node *node = tree_obtain(f->tree, NODE_HOST, 7, "a:1", NULL);
    tree_looked_up(node, TRUE);
    g_assert_cmpint(node->looked_up, ==, 0);
    g_assert_cmpuint(node->nlookup, ==, 1);
}

static void inode_numbers_are_the_paths(struct fixture *f, gconstpointer data)
{
    g_assert_cmpuint(tree_ino("G/s"), ==, tree_ino("G/s"));
    g_assert_cmpuint(tree_ino("G/s"), !=, tree_ino("G/t"));
    g_assert_cmpuint(tree_ino(""), >, TREE_ROOT);
}

static void add(const char *name, void (*test)(struct fixture *f, gconstpointer data))
{
    g_test_add(name, struct fixture, NULL, set_up, test, tear_down);
}

static void next_daemon_has_the_same_nodes(struct fixture *f, gconstpointer data)
{
    struct node *file = looked_up(f, NODE_SERVICE_FILE, 5, "instances");
    struct node *host = looked_up(f, NODE_HOST, 5, "10.0.0.1:80");
    guint64 file_id = file->id, host_id = host->id;
    tree_looked_up(file, FALSE);
    tree_unlink(f->tree, host);
    end(f);
    begin(f);
    file = tree_get(f->tree, file_id);
    g_assert_true(tree_find(f->tree, NODE_SERVICE_FILE, 5, "instances") == file);
    g_assert_cmpuint(file->nlookup, ==, 2);
    host = tree_get(f->tree, host_id);
    g_assert_cmpstr(host->name, ==, "10.0.0.1:80");
    g_assert_false(host->linked);
    g_assert_null(tree_find(f->tree, NODE_HOST, 5, "10.0.0.1:80"));
    g_assert_cmpuint(tree_count(f->tree), ==, 3);
    tree_forget(f->tree, file_id, 2);
    g_assert_null(tree_get(f->tree, file_id));
}

static void next_daemon_gives_out_no_old_id(struct fixture *f, gconstpointer data)
{
    guint64 old = looked_up(f, NODE_SERVICE_FILE, 5, "instances")->id;
    tree_forget(f->tree, old, 1);
    end(f);
    begin(f);
    g_assert_cmpuint(looked_up(f, NODE_SERVICE_FILE, 5, "instances")->id, !=, old);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    add("/tree/root_is_never_forgotten", root_is_never_forgotten);
    add("/tree/same_name_is_the_same_node", same_name_is_the_same_node);
    add("/tree/forget_counts", forget_counts);
    add("/tree/forgetting_too_much_or_twice_does_no_harm",
        forgetting_too_much_or_twice_does_no_harm);
    add("/tree/unlinked_name_is_another_node", unlinked_name_is_another_node);
    add("/tree/helpers_lookups_are_nobodys_interest", helpers_lookups_are_nobodys_interest);
    add("/tree/inode_numbers_are_the_paths", inode_numbers_are_the_paths);
    g_test_add("/tree/next-daemon", struct fixture, NULL, set_up, next_daemon_has_the_same_nodes,
               tear_down);
    g_test_add("/tree/old-ids", struct fixture, NULL, set_up, next_daemon_gives_out_no_old_id,
               tear_down);
    return g_test_run();
}
