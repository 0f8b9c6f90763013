//! Logging in and out, as the pages and their cookies show it.

use e2e::Stack;

#[tokio::test]
async fn python() {
    let stack = Stack::builder()
        .python_hub()
        .base_url("/hub-a/")
        .start()
        .await;
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    println!("{}", visitor.follow("hub/home").await.body);
    println!("{:#?}", visitor.jar);
    stack.api().start_server("mal").await;
    let token = stack.api().new_token("mal", &[]).await;
    let mut nb = e2e::Notebook::start(&stack.client(), &stack.server_path("mal"), &token).await;
    assert_eq!(nb.run("print(6*7)").await, "42\n");
}
